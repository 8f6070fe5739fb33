"""Who carries the jobs of a plan out: this process, other processes of this machine, a Ray cluster, or the tasks of a job array."""
