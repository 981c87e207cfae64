"""What a prompt or an answer has besides text: types of files, schemas, blocks of code."""
