"""The kinds of work, one file each: train, look, compare, find, draw. :func:`ontogeny.work.do.do` carries out any job of a plan."""
