"""Holds a conversation of two turns: the second question speaks of the first answer."""

from headwater import genai

client = genai.Client()
chat = client.chats.create(model="gemini-2.5-flash")

for question in ["Tell me a story in 100 words.", "Summarize it in one sentence."]:
    print(f"> {question}")
    for chunk in chat.send_message_stream(question):
        print(chunk.text, end="", flush=True)
    print("\n")

print(f"The conversation has {len(chat.get_history())} turns.")
