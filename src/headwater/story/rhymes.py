"""The rhymes: families of lines that end alike, for poems about anything."""

from __future__ import annotations

#: Each family holds lines whose last words rhyme and are spelled alike at the end. ``{theme}`` is the topic.
FAMILIES = (
    ("I dream of {theme} in the night", "When stars are small and clear and bright", "A window holds a golden light",
     "And every worry takes to flight", "How soft the moon, how wide the sight", "And all that once was wrong "
         "feels right"),
    ("I think of {theme} every day", "As bright and mild as days in May", "The wind comes by and wants to play",
     "It has a thousand things to say", "Oh let the gentle hours stay", "And carry all my cares away"),
    ("Now hear of {theme}, soft and low", "The rivers turn, the gardens grow", "There is so much I want to know",
     "The lantern has a quiet glow", "The winter leaves its coat of snow", "And gentle winds begin to blow"),
    ("I count on {theme}, rain or shine", "Beneath the oak, beneath the pine", "The evening pours its amber wine",
     "The morning draws a silver line", "And every dream I dream is mine", "And everything is simply fine"),
    ("For {theme} I would cross the deep", "While all the quiet houses sleep", "The secrets that the waters keep",
     "Are not for those who only weep", "The little clouds are soft as sheep", "The road to joy is rarely steep"),
    ("I wrote of {theme} on a tree", "My heart was full of simple glee", "The gulls flew up so wild and free",
     "We counted clouds, and there were three", "And there was nothing else to see", "On this the wind and I agree"),
    ("With {theme} I will stand my ground", "And listen to the smallest sound", "For what was lost can still be found",
     "The wheel of days goes round and round", "A kinder world is all around", "By threads of gold our hearts "
         "are bound"),
    ("Let {theme} lead me by the hand", "Across the sea, across the land", "We draw our castles in the sand",
     "And there are things we understand", "Without a rule, without command", "And merry is our little band"),
    ("The tale of {theme} now is told", "Its pages edged with fading gold", "It keeps us warm against the cold",
     "It makes the timid spirit bold", "A hand to have, a hand to hold", "A song that never can grow old"),
    ("I found {theme} in a book", "Beside the slow and silver brook", "It only took a second look",
     "A little time was all it took", "The lamp was lit, the branches shook", "And there was peace in every nook"),
)  # fmt: skip
#: Limericks: five lines, of which 1, 2, 5 and 3, 4 rhyme.
LIMERICKS = (
    ("There once was a dreamer from Rhyme", "Who thought about {theme} all the time", "When asked for a reason",
     "In every old season", "The answer was simply sublime"),
    ("A traveller strolling through Spain", "Met {theme} in a shower of rain", "They both had to laugh",
     "And shared half a scarf", "And rode home aboard the last train"),
    ("A baker who lived by the sea", "Served stories of {theme} with her tea", "Each cup that she poured",
     "Left nobody bored", "And the very best part was, it was free"),
)  # fmt: skip
#: Haiku lines by the number of syllables that the topic leaves room for.
HAIKU_FIVE = (
    "quiet morning light",
    "a soft wind passes",
    "evening settles in",
    "the old pond listens",
    "one leaf drifts away",
    "silver rain at dawn",
    "the night holds its breath",
    "small stars wake above",
)
HAIKU_SEVEN = (
    "the whole garden holds its breath",
    "somewhere a small bell answers",
    "the path remembers our steps",
    "and the long day folds its wings",
    "a lantern sways in the dark",
    "the world is suddenly new",
)
