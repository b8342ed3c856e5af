"""One reader per data kind: a folder or file in, clips out."""
