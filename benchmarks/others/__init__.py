"""Other people's landmark models beside this project's."""
