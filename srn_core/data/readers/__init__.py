"""One reader per data kind: a folder or file in, clips out. Each module is a :class:`srn_core.data.spec.Reader`."""
