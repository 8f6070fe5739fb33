"""What is gathered from a study on disk for those who look at it: tables of runs, results joined over runs, and what a view is
handed."""
