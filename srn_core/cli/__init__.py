"""The command ``srn``, one file per subcommand."""
