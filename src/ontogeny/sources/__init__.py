"""Where data come from that another program made: runs of a study, arrays in files. One file a kind; a plug-in may add one."""
