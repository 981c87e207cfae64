"""The sentences of the stories, scene by scene, and the words that fill them.

No sentence has an apostrophe, a hyphen or a digit, so that every way of counting words agrees, and none has a quotation
that ends in "?" or "!", so that every way of counting sentences does.
"""

from __future__ import annotations

import re


def vocabulary(text: str, separator: str = ", ") -> dict[str, tuple[str, ...]]:
    """Return lists of words and phrases by their names; a line that is indented continues the one before."""
    lines = re.sub(r"\n\s+", " ", text.strip()).splitlines()
    return {name: tuple(items.split(separator)) for name, _, items in (line.partition(": ") for line in lines)}


WORDS = vocabulary(
    """
people: girl, boy, child, man, woman, king, queen, prince, princess, knight, wizard, witch, teacher, student, doctor,
    nurse, pilot, sailor, pirate, captain, detective, scientist, inventor, painter, artist, musician, singer, dancer,
    poet, baker, chef, farmer, gardener, fisherman, soldier, samurai, ninja, explorer, programmer, engineer, librarian,
    mapmaker, shepherd, thief, spy, hero, grandmother, grandfather, mother, father, sister, brother, magician, clown,
    tailor, astronaut, fiddler, clockmaker
creatures: cat, kitten, dog, puppy, dragon, robot, fox, bear, rabbit, mouse, owl, wolf, lion, tiger, elephant, penguin,
    turtle, frog, bird, crow, raven, horse, unicorn, fish, whale, dolphin, bee, butterfly, ant, spider, hedgehog,
    squirrel, monkey, panda, deer, goat, sheep, pig, cow, duck, goose, dinosaur, snake, otter, bat, firefly, rat,
    monster, ghost, giant, troll, elf, dwarf, fairy, mermaid, vampire, alien, phoenix, snowman, teapot, toaster
female: girl, woman, queen, princess, witch, grandmother, mother, sister, mermaid, cow
male: boy, man, king, prince, knight, wizard, grandfather, father, brother, samurai, fisherman, snowman
heroes: girl, boy, gardener, baker, sailor, mapmaker, librarian, fiddler, clockmaker, shepherd
girls: Luna, Mira, Clara, Nora, Wren, Ivy, Juno, Poppy, Tessa, Opal, Maya, Elsie, Ruby, Hazel
boys: Oliver, Finn, Milo, Otto, Jasper, Theo, Felix, Rowan, Hugo, Pip, Emil, Leo, Tobin, Arlo
elders: Bram, Marguerite, Barnaby, Ottilie, Quill, Tamsin, Ambrose, Beatrix, Cornelius, Fern, Gideon, Hester, Ignatius,
    Juniper, Linus, Maud, Ned, Orla
themes: old maps, the night sky, sunken cities, far islands, the language of birds, hidden gardens
legends: the old roads of {}, the secret paths of {}, the lost stories of {}, the hidden world of {}
trait: curious, gentle, stubborn, patient, cheerful, thoughtful, brave, clever, dreamy, kind
sky: a thin silver rain, a pale morning mist, a sky full of slow clouds, a warm golden light, a deep blue evening, a
    clear night full of stars, a quiet orange sunset
sound: the slow ticking of a clock, the murmur of running water, the soft ringing of a bell, the rustle of dry leaves, a
    kettle beginning to sing, the patter of small feet, the creak of old wood
smell: warm bread, rain on dry stone, pine needles, old paper, cinnamon and smoke, salt and seaweed, honey and beeswax,
    cut grass, roasted chestnuts
hour: Before sunrise, Late in the afternoon, A little after midnight, Toward evening, Just after breakfast, When the
    moon came up, On the next market day
lesson: a good question is worth more than a quick answer, courage is mostly a matter of taking one more step, nobody
    has to do the hard things alone, small kindnesses travel a long way, patience opens more doors than any key, the
    things we share are the only things we keep, a mistake is only a map of where not to go, even a very small light can
    be seen from far away, it is never too late to begin again
home: a small harbour town, a village between two hills, a valley of apple trees, an old town with crooked streets, a
    town beside a slow green river
friend: an old ferryman, a young mapmaker, a baker with kind eyes, a retired sea captain, a mender of kites, a quiet
    gardener, a travelling musician, a watchmaker with one good lens, a shepherd in a patched coat, a librarian who
    never whispered
thing: brass compass, folded map, blue lantern, silver key, wooden flute, ball of red string, glass marble, copper bell,
    leather notebook, feather pen
tail: again, once more, with quiet joy, and the world smiled, and the evening grew warm, and the road was good, and
    thought of the way home, while the clouds drifted over the hills, and the day felt wide and full of promise, for
    there was still so much to see and to love, and for a while there was nothing to do but be happy, and somewhere far
    away a bell rang twice for luck and love
"""
)
BEINGS = frozenset(WORDS["people"] + WORDS["creatures"])
#: What went wrong, and how it is mended: the thread of a whole story.
QUESTS = (
    ("the great bell", "had fallen silent", "rang again"),
    ("the town clock", "had stopped at midnight", "began to tick"),
    ("the well in the square", "had run dry", "ran clear again"),
    ("the lamp above the harbour", "had gone out", "burned again"),
    ("the old mill", "had stopped turning", "turned again"),
)

#: The scenes of a story. Sentences are separated by " | " and alternatives of one by " / ". One that begins with "- "
#: is left out of shorter stories, one with "? " if the topic is a word or two.
SCENES = vocabulary(
    """
title: The {Hero} and the {Thing} / The Long Road of {name} / The {Hero} Who Listened
opening: Once upon a time, in {home}, there lived {a_trait} {hero} named {name}. / In {home} lived {a_trait} {hero}, and
    everyone called {him} {name}. | ? This is the story of {phrase}. / It all began with {phrase}. | More than anything,
    {name} wished to {wish}. / There was one great dream in {his} heart, and it was to {wish}. | - Every morning {he}
    looked out of the window and thought about {theme}. | - The neighbours smiled at this, but they also listened,
    because nobody told it better. | - There was always {sound} somewhere nearby, and the rooms smelled of {smell}. | -
    What {he} liked best was the quiet hour when {sky} settled over the roofs. | - The days were simple, the bread was
    good, and {theme} filled every corner of {his} mind.
sequel: Some weeks later, in {home}, {name} the {hero} was ready for another adventure. / The story of {name} was not
    over yet, for a {hero} who has once set out rarely stays at home. | ? Everyone still spoke of {phrase}. | {He} still
    wished to {wish}, and the wish had only grown. | - The {thing} from the first journey stood on the shelf, and it
    caught the light each evening.
trouble: Then, one morning, {what} {broke}, and nobody could say why. / But one night {what} {broke}, and in the morning
    the whole place felt wrong. | - People stood in the street, spoke in low voices and looked at the ground. | - The
    mayor asked the oldest, and the oldest shook their heads. | Under the door {name} found a note, and it said that
    {theme} held the answer. / An old letter turned up, and it said that {theme} held the answer. | - {He} read it three
    times, once quickly, once slowly and once aloud. | So {he} packed some bread and {a_thing}, and set out before
    anyone could object. / It would have been easy to stay, yet the {hero} took {a_thing} from the shelf and opened the
    door. | - Behind {him} the town grew small, and ahead the road was long and bright.
finale: At last {name} turned back toward home. | - There was nothing left to learn on the road, and so much to tell. |
    - {He} walked faster than before, because {he} was carrying something that could not be dropped. | - {He} went
    through it once more, {theme} and the long road and the faces of all {his} new friends. | Before the silent crowd
    {he} put one hand on the {thing} and told them all that {he} had learned. / Standing before {what}, {he} took a deep
    breath and did what {he} had been shown. | - For a moment nothing happened, and it was a very long moment. | Then
    there was {sound}, and {what} {mended}. / Then, as if it had only been waiting to be understood, {what} {mended}. |
    - People laughed, and wept a little, and asked each other what the trouble had been.
ending: From that day on, whenever people spoke of {theme}, they also spoke of {name}. / And {name} knew, deep down,
    that {lesson}. | - The {thing} was given a place of honour above the door, where {sky} could fall on it. | - And if
    you pass through there on a quiet evening, you may still hear {sound} and someone telling the story. | That night
    the {hero} slept soundly, and the stars kept watch until the morning. / So {name} lived happily there, and the door
    was never locked again.
miniature: Once, in {home}, there lived {a_trait} {hero} named {name}. / In {home} lived {a_trait} {hero} named {name}.
    | ? This is the story of {phrase}. / It all began with {phrase}. | {name} wished to {wish}. / More than anything,
    {name} wished to {wish}. | Every morning {he} looked out of the window and thought about {theme}. | One morning
    {what} {broke}, and nobody knew why. | People stood in the street and spoke in low voices. | So {name} took
    {a_thing} and set out for {place}. | The road was long, and it smelled of {smell}. | There {friend} named {fname}
    showed {him} that {lesson}. | {name} listened well, and learned something new about {theme}. | "Take this home with
    you," said {fname}, "and give it away to everyone who asks." | {He} hurried home, told everyone what {he} had
    learned, and {what} {mended}. / When {he} came home and told the story, {what} {mended}. | There was {sound}, and
    then there was laughter all over town. | From then on the {hero} was never afraid of a long road again. / That night
    {name} slept soundly under {sky}.
quiet: {name} thought of {home} and of the smell of {smell}. | The road bent, and there was {sound} from behind a hedge.
    | For a while {he} walked beside a cart that carried nothing but {smell} and a sleeping child. | {name} wrote one
    line about {theme} into the dust and let the wind read it. | Under {sky} every shadow looked like someone who had
    stopped to rest. | Perhaps, {name} thought, {lesson}. | {He} polished the {thing} on one sleeve and felt a little
    less alone. | It is hard to be {a_hero} when the world is so large, and it is also a great deal of fun. | {name}
    smiled at a stranger, and the stranger smiled back.
""",
    " | ",
)
#: Episodes by the title of their chapter: the places where they can happen, then their sentences.
EPISODES = vocabulary(
    """
The Locked Door: the garden behind the wall, the house of many windows | {hour}, {name} came to {place}, and there the
    road ended at a door without a handle. | - Under {sky} it looked as old as the stones around it. | On the step sat
    {friend} named {fname}, who had been waiting there since spring. | - "Everybody knocks," said {fname}, "and nobody
    thinks of singing." | - It seemed a foolish thing to do, and so {name} did it at once. | So {name} and {fname} sang
    an old song about {theme}, and the door swung open. | - Inside there was {sound}, and a long shelf with a single
    empty place on it. | - {name} put a smooth stone there, and it fitted as if it had been made for that spot. | "Now
    you know the first half," said {fname}, "and the second half is that {lesson}."
The Crossing: the ferry landing, the harbour of paper boats | {hour} the way led down to {place}, where the water was
    high and the only boat had a hole in it. | - {fname}, {friend}, was already rolling up both sleeves. | "I can mend
    it," said {fname}, "if you will keep me company and tell me about {theme}." | - So they worked until {sky} came
    down, one of them with a hammer and the other with words. | - Twice the patch came loose, and twice they laughed and
    began again. | By the time the boat was dry, {name} had told {fname} things that {he} had not known {he} knew. | -
    The far bank smelled of {smell}, which seemed a good sign. | - {fname} would take no money for the crossing, only
    the {thing}, and gave it back at the landing. | When they parted on the other side, both of them felt that {lesson}.
The Storm: the hill of wind and thistles, the shepherd hut on the heath | {hour}, halfway to {place}, the weather
    turned, and the path was gone in a moment. | - The wind pulled at everything that was not tied down, and at some
    things that were. | {name} crept under a fallen tree and found that {friend} was sheltering there already. | - They
    shared a crust and said nothing for a while, with {sound} for company. | "My name is {fname}," the stranger said at
    last, "and I was more afraid before you came." | - To pass the time they drew {theme} in the mud with a stick, and
    then drew it better. | In the morning there was {sky}, and they could see {place} quite close by. | - It had been
    there all along, a hundred steps away, behind the rain. | - {fname} left a lantern hanging in the tree, so that the
    next traveller would feel expected.
The Riddle: the bridge of seven arches, the gate of ivy | {hour} {name} came to {place}, whose guardian let nobody pass
    who could not answer a riddle. | - It was {fname}, {friend}, and the post had been in the family for generations. |
    "What grows when you give it away," asked {fname}, "and shrinks when you lock it up." | - {name} sat down on the
    grass and turned the {thing} over and over. | - {He} thought of gold, of water and of light, and none of them would
    do. | Then {he} thought of everything that others had told {him} about {theme}, and knew the answer. / Then {name}
    looked at {fname}, remembered how it feels to talk about {theme} with a friend, and smiled. | "It is what you know,"
    said {name}, and {fname} stepped aside with a bow. | - "You are the first this year," said {fname}, "and I had begun
    to worry." | - Beyond {place} the road was wide, and somewhere there was {sound}.
""",
    " | ",
)
#: The sentences of a miniature, the most important ones first.
MINIATURE_ORDER = (0, 11, 4, 1, 6, 8, 13, 2, 9, 3, 7, 12, 5, 10)
ONE_SENTENCE = (
    "In {home}, {a_trait} {hero} named {name} dreamed of {theme}, followed that dream all the way to {place}, and "
    "learned that {lesson}."
)
#: Sentences of almost any length: a beginning, and a tail after it.
STEMS = ("{name} smiled", "The {hero} listened", "{name} looked up", "The {hero} waited", "{name} nodded")
