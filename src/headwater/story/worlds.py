"""The worlds: kinds of places where a tale can happen, chosen by the words of the prompt."""

from __future__ import annotations

import re

from headwater.story.words import World

_SPACE = World(
    keys="space astronaut rocket planet mars moon star stars galaxy alien aliens ship cosmos orbit universe "
    "satellite asteroid",
    people=("young pilot", "star mapper", "ship engineer", "signal keeper"),
    homes=("a small station above the quiet side of the moon", "a dome on a red and dusty plain"),
    places=(
        "the ice rings",
        "the silent station",
        "the garden deck",
        "the blue crater",
        "the signal tower",
        "the comet docks",
        "the glass observatory",
        "the engine hall",
        "the red canyon",
        "the harbour of small ships",
        "the dark moon",
        "the library of star maps",
        "the drifting lighthouse",
        "the market under the dome",
        "the long white corridor",
    ),
    friends=(
        "a retired captain",
        "a shy repair robot",
        "a gardener of moon roses",
        "a trader of rare maps",
        "a comet watcher",
        "a navigator with silver hair",
        "a young radio operator",
        "a keeper of old satellites",
        "a cheerful cargo pilot",
    ),
    things=(
        "star chart",
        "cracked helmet",
        "music box from home",
        "blue crystal",
        "tin antenna",
        "jar of moon dust",
        "folded solar sail",
        "brass sextant",
        "bundle of old letters",
        "little green seedling",
        "pocket telescope",
    ),
)
_SEA = World(
    keys="sea ocean ship pirate pirates sailor mermaid whale dolphin fish island beach boat wave shark octopus "
    "coast lighthouse",
    people=("deckhand", "lighthouse keeper", "young sailor", "boat builder"),
    homes=("a crooked house above the harbour", "a village of blue boats"),
    places=(
        "the crooked harbour",
        "the island of gulls",
        "the coral garden",
        "the old lighthouse",
        "the sunken gate",
        "the bay of lanterns",
        "the captains inn",
        "the salt caves",
        "the floating market",
        "the long sandbank",
        "the whale road",
        "the rope walk",
        "the cliff of echoes",
        "the quiet lagoon",
        "the painted pier",
    ),
    friends=(
        "a ferryman with a deep laugh",
        "a very old turtle",
        "a net mender",
        "a captain without a ship",
        "a bold seagull",
        "a diver with a love of riddles",
        "a lighthouse keeper",
        "a crab with good manners",
        "a singer from the far islands",
    ),
    things=(
        "brass compass",
        "green bottle",
        "silver whistle",
        "torn chart",
        "pearl button",
        "coil of blue rope",
        "sea shell",
        "small anchor",
        "ship in a jar",
        "lantern of thick glass",
        "wooden oar",
    ),
)
_FOREST = World(
    keys="forest tree trees animal animals fox bear rabbit owl wolf deer squirrel hedgehog nature mountain "
    "river garden flower "
    "camping bird birds bee butterfly frog mouse bunny spring autumn",
    people=("woodcarver", "young gardener", "beekeeper", "herb gatherer"),
    homes=("a mossy hollow under an oak", "a little house at the edge of the wood"),
    places=(
        "the birch wood",
        "the fern valley",
        "the stone circle",
        "the old mill",
        "the river bend",
        "the blackberry hill",
        "the hollow oak",
        "the frozen pond",
        "the meadow of foxgloves",
        "the bridge of roots",
        "the foggy marsh",
        "the waterfall",
        "the beehive orchard",
        "the high ridge",
        "the clearing of lanterns",
    ),
    friends=(
        "a wise old owl",
        "a badger with round glasses",
        "a talkative magpie",
        "a shy deer",
        "a beekeeper",
        "a sleepy bear",
        "a singing woodcutter",
        "a hedgehog in a hurry",
        "an otter with a plan",
    ),
    things=(
        "acorn cup",
        "golden feather",
        "smooth white pebble",
        "jar of honey",
        "carved flute",
        "willow basket",
        "red scarf",
        "bundle of dried herbs",
        "tiny lantern",
        "key of black iron",
        "walking stick",
    ),
)
_CASTLE = World(
    keys="dragon dragons knight castle king queen prince princess wizard witch magic magical fairy kingdom "
    "sword unicorn elf dwarf "
    "giant troll spell fantasy medieval throne phoenix goblin",
    people=("young squire", "court scribe", "wandering minstrel", "apprentice of spells"),
    homes=("a tower with seven crooked windows", "a cave above the green valley"),
    places=(
        "the north tower",
        "the rose gate",
        "the hall of banners",
        "the whispering library",
        "the stone bridge",
        "the valley of mist",
        "the sleeping village",
        "the glass mountain",
        "the blacksmith forge",
        "the moonlit well",
        "the field of tents",
        "the hidden stair",
        "the wizard market",
        "the old watch post",
        "the silver lake",
    ),
    friends=(
        "a retired knight",
        "a forgetful wizard",
        "a blacksmith with kind eyes",
        "a minstrel",
        "a very small giant",
        "a baker to the royal court",
        "a librarian of spells",
        "a stable hand",
        "a talking raven",
    ),
    things=(
        "silver bell",
        "rusty shield",
        "book of small spells",
        "golden thread",
        "dented crown",
        "crystal cup",
        "blue candle",
        "ring with a green stone",
        "wooden sword",
        "mirror of polished bronze",
        "scroll with a broken seal",
    ),
)
_CITY = World(
    keys="city town street robot robots computer ai technology code coding programmer software internet "
    "machine future detective "
    "mystery school teacher student office work train car bus phone data painting paint music museum science history",
    people=("young inventor", "clockmaker", "night librarian", "street musician"),
    homes=("a narrow house with a green door", "a workshop behind the railway station"),
    places=(
        "the clock tower",
        "the old tram station",
        "the rooftop garden",
        "the night market",
        "the city library",
        "the glass arcade",
        "the quiet museum",
        "the corner bakery",
        "the river promenade",
        "the lost property office",
        "the lamp makers street",
        "the music school",
        "the underground workshop",
        "the painted stairs",
        "the botanical house",
    ),
    friends=(
        "a sleepy baker",
        "a tram driver",
        "a painter of signs",
        "a watchmaker",
        "a messenger with a red bicycle",
        "a night watchman",
        "a teacher of geometry",
        "a violin player",
        "a collector of lost gloves",
    ),
    things=(
        "brass key",
        "broken clock",
        "box of paints",
        "notebook with a red cover",
        "paper crane",
        "copper gear",
        "pocket radio",
        "old photograph",
        "spool of bright wire",
        "glass marble",
        "ticket with no date",
    ),
)
_VILLAGE = World(
    keys="village farm cat cats kitten kittens dog dogs puppy home family kitchen bread cake food cooking "
        "baker garden grandmother "
    "horse cow pig hen winter christmas snow friendship love toy bedtime tea coffee chocolate",
    people=("young baker", "toymaker", "letter carrier", "weaver of scarves"),
    homes=("a yellow cottage at the end of the lane", "a warm house beside the bakery"),
    places=(
        "the village square", "the bakery", "the red barn", "the apple orchard", "the old well", "the windmill",
        "the chapel garden", "the school yard", "the stone wall", "the hay loft", "the duck pond", "the post office",
        "the hill with one tree", "the covered bridge", "the attic of forgotten things",
    ),
    friends=(
        "a neighbour with floury hands", "a postman", "an old grey goose", "a pupil with muddy boots", "a farmer",
        "a sheepdog", "a clever old weaver", "a tailor with a measuring tape", "a travelling tinker",
    ),
    things=(
        "ball of blue yarn", "tin box", "patchwork blanket", "wooden spoon", "jar of plum jam", "bell on a ribbon",
        "straw hat", "hand drawn map", "music box", "clay teapot", "letter without an address",
    ),
)  # fmt: skip
WORLDS = (_SPACE, _SEA, _FOREST, _CASTLE, _CITY, _VILLAGE)


def world_for(text: str, lot: int) -> World:
    """Return the world that shares most words with ``text``; ``lot`` decides where none fits."""
    found = set(re.findall(r"\w+", text.lower()))
    score = [len(found.intersection(world.keys.split())) for world in WORLDS]
    return WORLDS[score.index(max(score))] if max(score) else WORLDS[3:][lot % 3]
