"""Streaming chat class (``StreamingChat``): a chat remembers its turns, and calls back with each text."""

from headwater import genai

client = genai.Client()
chat = client.chats.create(model="gemini-3.8-flash")

for question in ["Tell me a story in 100 words.", "Summarize it in one sentence."]:
    print(f"> {question}")
    chat.send_message_stream(question, on_text=lambda text: print(text, end="", flush=True)).collect()
    print("\n")

print(f"The conversation has {len(chat.get_history())} turns.")
