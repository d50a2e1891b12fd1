"""The command-line client: reads files of conversations and sends them to a chatlake service."""
