"""The server behind the viewer: JSON, figures and bytes, asked of the store. It computes no science of its own."""
