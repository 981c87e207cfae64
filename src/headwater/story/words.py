"""The vocabulary of the tales: names, worlds, weather, sounds and other small things that sentences are filled with."""

from __future__ import annotations

import msgspec

from headwater.story.texts import listed

#: The phrases below have no apostrophes, hyphens or digits, so that every way of counting words agrees.
GIRLS = listed("Luna Mira Clara Nora Wren Ivy Juno Poppy Tessa Opal Maya Elsie Ruby Hazel Freya Willa Ada Sabine Lotte")
BOYS = listed("Oliver Finn Milo Otto Jasper Theo Felix Rowan Hugo Pip Emil Leo Tobin Arlo Casper Bruno Silas Kit Anton")
ELDERS = (
    (
        "Bram Marguerite Old Barnaby Ottilie Quill Tamsin Ambrose Beatrix Cornelius Fern Gideon Hester Ignatius "
        "Juniper Linus Maud Ned Orla Percival Rosalind Sorrel Thaddeus Ursula Wendell Agnes Cosmo"
    )
    .replace("Old ", "")
    .split()
)
KNOWN_NAMES = frozenset(
    listed("alice anna anne emma emily sarah laura lisa lucy mary maria sophie sofia zoe chloe ella grace lily mia "
        "olivia ava "
     "jane julia kate susan eva amelia bella daisy elena tom tim max ben sam jack james john peter paul david daniel "
     "michael adam alex bob charlie george harry henry noah liam lucas mark martin nick oscar simon will bobby jim joe "
     "robin chris pat billy timmy tommy johnny sally molly holly rosie")
) | frozenset(name.lower() for name in GIRLS + BOYS)  # fmt: skip
GIRL_NAMES = frozenset(
    listed("alice anna anne emma emily sarah laura lisa lucy mary maria sophie sofia zoe chloe ella grace lily mia "
        "olivia ava "
     "jane julia kate susan eva amelia bella daisy elena sally molly holly rosie")
) | frozenset(name.lower() for name in GIRLS)  # fmt: skip

FEMALE = frozenset(
    listed(
        "girl woman queen princess witch mother grandmother sister daughter mermaid lady aunt hen cow fairy duchess "
        "nun waitress actress heroine goddess ballerina seamstress"
    )
)
MALE = frozenset(
    listed(
        "boy man king prince father grandfather brother son uncle monk lord rooster bull knight wizard snowman "
        "fisherman "
        "gentleman fireman policeman duke samurai"
    )
)
ANIMATE = frozenset(
    listed(
        "cat kitten dog puppy dragon robot knight wizard astronaut fox bear rabbit bunny mouse owl wolf lion "
        "tiger elephant "
        "penguin turtle tortoise frog bird crow raven sparrow parrot horse pony unicorn fish whale dolphin "
        "shark octopus "
        "crab bee butterfly ant spider snail hedgehog squirrel hamster monkey giraffe panda koala kangaroo "
        "deer goat sheep "
        "lamb pig piglet hen cow duck duckling swan goose donkey zebra hippo crocodile dinosaur snake lizard "
        "otter beaver "
        "badger raccoon bat moth firefly ladybird caterpillar worm rat camel llama alpaca seal walrus monster "
        "ghost giant "
        "troll elf dwarf fairy gnome goblin mermaid witch vampire alien zombie phoenix griffin golem android "
        "girl boy child kid man woman person king queen prince princess teacher student doctor nurse pilot "
        "sailor pirate "
        "captain detective scientist inventor painter artist musician singer dancer writer poet baker chef cook farmer "
        "gardener fisherman soldier samurai ninja explorer traveller traveler programmer engineer developer librarian "
        "clockmaker shepherd hunter thief spy superhero hero heroine grandmother grandfather mother father "
        "sister brother "
        "daughter son uncle aunt friend neighbour neighbor postman firefighter policeman magician clown "
        "snowman toymaker "
        "tailor carpenter blacksmith merchant monk nun lady lord fireman cowboy cowgirl wanderer gamer hacker barista "
        "astronomer archaeologist lighthouse_keeper athlete footballer runner swimmer climber ballerina "
        "drummer guitarist "
        "pianist violinist student rooster bull gentleman duke duchess seamstress rocket train toaster teapot "
        "keeper maker driver guard worker guide tiger hunter beekeeper"
    )
)


class World(msgspec.Struct, frozen=True):
    """One kind of place where a tale can happen: words that lead there, and what is found there."""

    keys: str
    people: tuple[str, ...]
    homes: tuple[str, ...]
    places: tuple[str, ...]
    friends: tuple[str, ...]
    things: tuple[str, ...]


SKIES = (
    "a thin silver rain", "a soft wind from the south", "a pale morning mist", "a sky full of slow clouds",
    "the first cold of autumn", "a warm and golden light", "a sudden gust of wind", "a deep blue evening",
    "a bright and windless noon", "the grey light before dawn", "a curtain of gentle snow", "a quiet orange sunset",
    "a low and friendly moon", "the last warmth of summer", "a clear night with many stars", "a distant roll "
        "of thunder",
)  # fmt: skip
SOUNDS = (
    "the slow ticking of a clock", "the far cry of a night bird", "the murmur of running water", "a door that creaked",
    "the laughter of strangers", "the hum of a hidden engine", "the soft ringing of a bell", "somebody singing off key",
    "the patter of small feet", "the rustle of dry leaves", "a kettle beginning to sing", "the beat of a patient drum",
    "the whisper of turning pages", "a whistle from far away", "the creak of old wood", "the crackle of a small fire",
)  # fmt: skip
SMELLS = (
    "warm bread",
    "rain on dry stone",
    "pine needles",
    "old paper",
    "cinnamon and smoke",
    "fresh paint",
    "salt and seaweed",
    "honey and beeswax",
    "cut grass",
    "roasted chestnuts",
    "lamp oil",
    "ripe apples",
    "wet wool",
    "mint and lemon",
    "candle wax",
    "dust and sunshine",
)
HOURS = (
    "Before sunrise", "Late in the afternoon", "A little after midnight", "On the third morning", "Toward evening",
    "When the bells rang noon", "On a slow and sleepy Sunday", "Just after breakfast", "As the lamps were being lit",
    "In the quiet hour before dinner", "When the moon came up", "On the next market day", "At the edge of the night",
    "One bright morning", "After a long rest", "While the others slept",
)  # fmt: skip
ACTS = (
    "hummed an old tune", "counted slowly to twenty", "sat down on a flat stone", "drew a small map in the dust",
    "shared the last biscuit", "tied a knot for luck", "watched the clouds go by", "took three deep breaths",
    "polished the same spot again and again", "listened with great care", "made a list of every good thing",
    "walked in a wide circle", "laughed without knowing why", "looked once more over one shoulder",
    "whispered a promise to the wind", "kept very still for a while", "tried to think of something brave",
    "picked a blade of grass and turned it around", "smiled at nobody in particular", "stood up straight again",
)  # fmt: skip
TRAITS = (
    "curious", "gentle", "stubborn", "quick", "patient", "cheerful", "thoughtful", "brave", "clever", "dreamy", "kind",
    "restless", "careful", "hopeful",
)  # fmt: skip
LESSONS = (
    "a good question is worth more than a quick answer", "courage is mostly a matter of taking one more step",
    "nobody has to do the hard things alone", "small kindnesses travel a long way", "being lost is a way of looking",
    "patience opens more doors than any key", "the things we share are the only things we keep",
    "a mistake is only a map of where not to go", "listening is half of every adventure",
    "even a very small light can be seen from far away", "the best treasures are hard to carry and easy to give",
    "it is never too late to begin again", "friends make every road shorter", "a promise grows when it is kept",
)  # fmt: skip
