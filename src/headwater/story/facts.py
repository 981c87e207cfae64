"""The little that the storyteller knows: a few facts that people like to ask for first."""

from __future__ import annotations

import re

_CAPITALS = dict(
    pair.split(":")
    for pair in [
        "France:Paris",
        "Germany:Berlin",
        "Italy:Rome",
        "Spain:Madrid",
        "Portugal:Lisbon",
        "Austria:Vienna",
        "Switzerland:Bern",
        "Belgium:Brussels",
        "the Netherlands:Amsterdam",
        "Poland:Warsaw",
        "Greece:Athens",
        "Ireland:Dublin",
        "Norway:Oslo",
        "Sweden:Stockholm",
        "Denmark:Copenhagen",
        "Finland:Helsinki",
        "Iceland:Reykjavik",
        "Hungary:Budapest",
        "the United Kingdom:London",
        "England:London",
        "Scotland:Edinburgh",
        "Canada:Ottawa",
        "Mexico:Mexico City",
        "Brazil:Brasilia",
        "Argentina:Buenos Aires",
        "Chile:Santiago",
        "Peru:Lima",
        "Japan:Tokyo",
        "China:Beijing",
        "South Korea:Seoul",
        "India:New Delhi",
        "Australia:Canberra",
        "New Zealand:Wellington",
        "Egypt:Cairo",
        "Kenya:Nairobi",
        "Turkey:Ankara",
        "Thailand:Bangkok",
        "Vietnam:Hanoi",
        "the United States:Washington, D.C.",
        "Czechia:Prague",
        "Romania:Bucharest",
        "Ukraine:Kyiv",
        "Croatia:Zagreb",
        "Morocco:Rabat",
        "Ghana:Accra",
        "Colombia:Bogota",
        "Cuba:Havana",
        "Nepal:Kathmandu",
        "Estonia:Tallinn",
    ]
)
#: Patterns of a question and what is known about it. The first sentence is the short answer.
_KNOWN = (
    (r"sky\b.*\bblue|blue\b.*\bsky", "The sky looks blue because air scatters blue light more strongly than "
        "red light. Sunlight holds all "
     "colours, and on its way through the air the short blue waves are sent in every direction, so blue "
         "reaches our eyes from everywhere. "
     "At sunset the light travels a longer way, most of the blue is lost, and red and orange remain."),
    (r"photosynthesis", "Photosynthesis is how plants use sunlight to turn water and carbon dioxide into sugar "
        "and oxygen. The green "
     "chlorophyll in their leaves catches the light, its energy splits water, and the plant stores the result "
         "as sugar. Nearly all "
     "food and most of the oxygen in the air come from it."),
    (r"how (?:does|do) (?:ai|artificial intelligence)|what is (?:ai\b|artificial intelligence)|explain (?:how "
        r")?(?:ai\b|artificial intelligence)",
     "AI works by finding patterns in many examples and using them to make predictions. A model has a large number of "
     "adjustable values, and training changes them little by little until its predictions fit the examples. "
         "Afterwards the "
     "model applies what it has learned to data that it has never seen, which makes it useful and sometimes wrong."),
    (r"machine learning", "Machine learning is the craft of letting a program learn rules from examples "
        "instead of writing them by hand. "
     "The program makes a guess, measures its error, and adjusts itself to make the error smaller. After many "
         "rounds it can handle "
     "cases that it has never met."),
    (r"large language model|\bllms?\b", "A large language model is a program that has learned from a great "
        "deal of text to predict what comes "
     "next. It works on tokens, which are pieces of words, and chooses one after another. Its fluency is real, "
         "but its facts need checking."),
    (r"neural network", "A neural network is a chain of simple units that each weigh their inputs and pass on "
        "a number. Layers of such units "
     "turn raw data into ever more useful features. Training changes the weights until the last layer gives "
         "good answers."),
    (r"quantum (?:comput|mechanic|physic|entangle)|quantum\b", "Quantum physics describes the very small, "
        "where things behave like waves and "
     "particles at once. A quantum computer uses states that can be mixtures of zero and one, and lets those "
         "mixtures interfere so "
     "that good answers become likely. It is not faster at everything, but for some problems it needs far "
         "fewer steps."),
    (r"\bgravity\b", "Gravity is the attraction between everything that has mass. The more mass there is and "
        "the closer it is, the stronger "
     "the pull. Einstein described it as a bending of space and time, along which things fall as straight as "
         "they can."),
    (r"black holes?", "A black hole is a place where gravity is so strong that not even light can leave. Most "
        "form when a heavy star runs out "
     "of fuel and collapses. The border of no return is called the event horizon."),
    (r"\brainbows?\b", "A rainbow appears when sunlight enters raindrops, is bent, reflected inside, and bent "
        "again on its way out. Each "
     "colour leaves at a slightly different angle, so the colours are spread into a bow. You always see it "
         "with the sun behind you."),
    (r"\brecursion\b", "Recursion means that a function solves a problem by calling itself on a smaller one. "
        "It needs a simplest case at "
     "which it stops. Walking through a folder and all the folders inside it is the classic example."),
    (r"what is python|explain python\b", "Python is a programming language that is known for being easy to "
        "read. It is used for web services, "
     "data analysis, automation and machine learning. Its large standard library means that many tasks need no "
         "extra packages."),
    (r"\bstreaming\b.*\b(?:api|response|work|tokens?)|server-sent events|\bsse\b", "Streaming means that an "
        "answer is sent in small chunks while it is "
     "still being made. The reader can show the first words at once instead of waiting for the last. With "
         "server-sent events each "
     "chunk is a block of lines that begin with data and end with an empty line."),
    (r"\bseasons?\b.*\b(?:why|happen|cause)|why\b.*\bseasons\b", "Seasons come from the tilt of the axis of "
        "the earth. For half of the year one "
     "hemisphere leans toward the sun and gets longer days and steeper light. The distance to the sun plays "
         "almost no part."),
    (r"\btides?\b", "Tides are caused mainly by the moon, whose gravity pulls the oceans a little more on the "
        "near side than on the far "
     "side. As the earth turns, coasts pass through the two bulges of water. The sun helps or weakens the effect."),
    (r"speed of light", "Light travels at 299,792,458 metres a second in a vacuum. Nothing that carries "
        "information is faster."),
    (r"(?:who wrote|author of) romeo", "William Shakespeare wrote Romeo and Juliet, probably around 1595."),
    (r"(?:who wrote|author of) hamlet", "William Shakespeare wrote Hamlet, around the year 1600."),
    (r"meaning of life", "The meaning of life has no agreed answer. A popular novel says that it is 42, and "
        "many people find theirs "
     "in love, work and curiosity."),
    (r"boiling point of water|water boil", "Water boils at 100 degrees Celsius at sea level. Higher up, where "
        "the air is thinner, it boils sooner."),
    (r"(?:largest|biggest) planet", "Jupiter is the largest planet of our solar system. More than a thousand "
        "earths would fit inside."),
    (r"how many planets", "Eight planets circle the sun: Mercury, Venus, Earth, Mars, Jupiter, Saturn, Uranus "
        "and Neptune."),
    (r"(?:highest|tallest) mountain", "Mount Everest is the highest mountain above sea level, at about 8,849 metres."),
    (r"longest river", "The Nile and the Amazon are both called the longest river, depending on how they are "
        "measured."),
    (r"how many continents", "Most people count seven continents: Africa, Antarctica, Asia, Europe, North "
        "America, South America and Oceania."),
    (r"colou?rs of the rainbow", "The rainbow is usually said to be red, orange, yellow, green, blue, indigo "
        "and violet."),
    (r"days (?:are )?in a (?:leap )?year", "A year has 365 days, and a leap year has 366."),
    (r"first (?:man|person|human) on the moon|walked on the moon", "Neil Armstrong was the first person on the "
        "moon, on the 20th of July 1969."),
)  # fmt: skip
_JOKES = (
    "Why did the byte break up with the bit? It needed more space.",
    "Why do programmers mix up Halloween and Christmas? Because oct 31 equals dec 25.",
    "Why did the cat sit on the keyboard? To keep an eye on the mouse.",
    "Why did the stream never get lost? It always went with the flow.",
    "What does a cloud wear under its raincoat? Thunderwear.",
    "Why was the maths book sad? It had too many problems.",
)


def known(question: str) -> str:
    """Return what is known about ``question``; empty when nothing is."""
    text = question[:600]
    capital = re.search(r"capital (?:city )?of\s+(?:the )?([A-Za-z ]+?)(?:[?.!,]|$| and\b| in\b)", text, re.I)
    if capital:
        wanted = capital[1].strip().lower()
        aliases = {"uk": "united kingdom", "usa": "united states", "us": "united states", "holland": "netherlands"}
        wanted = aliases.get(wanted, wanted)
        for country, city in _CAPITALS.items():
            if country.lower().removeprefix("the ") == wanted:
                return f"{city} is the capital of {country}."
    return next((fact for pattern, fact in _KNOWN if re.search(pattern, text, re.I)), "")


def joke(lot: int) -> str:
    """Return one of a few jokes."""
    return _JOKES[lot % len(_JOKES)]
