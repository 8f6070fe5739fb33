"""The viewer: ES modules by anywidget's contract, one file of type, spacing and colour. It draws what it is told and computes no science."""
