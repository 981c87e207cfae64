"""The sentences of the tales, by the part that they play: openings, journeys, troubles, turns and endings."""

from __future__ import annotations

#: Slots in braces are filled by the story writer. No sentence here has an apostrophe, a hyphen or a digit, so that
#: every way of counting words gives the same number.
INTRO = (
    "Once upon a time, in {home}, there lived {a_trait} {hero} named {name}.",
    "In {home} lived {a_trait} {hero}, and everybody called {him} {name}.",
    "Long ago, when the roads were narrow and the nights were wide, a {hero} named {name} lived in {home}.",
    "There was once {a_trait} {hero} by the name of {name}, who lived in {home}.",
    "Nobody in the whole valley knew {theme} quite the way {name} did, for {name} was {a_trait} {hero} from {home}.",
)
CLAUSE = ("This is the story of {phrase}.", "People still tell the tale of {phrase}.", "It all began with {phrase}.")
HABIT = (
    "Every morning {he} looked out of the window and thought about {theme}.",
    "The neighbours said that {name} talked about {theme} even while asleep.",
    "On quiet days {he} {act}, and on loud days {he} dreamed of {theme}.",
    "There was always {sound} somewhere nearby, and the rooms smelled of {smell}.",
    "{He} kept {a_thing} on the shelf, and nobody knew where it had come from.",
    "Some children collect shells, but {name} collected stories about {theme}.",
    "The days were simple, the bread was good, and {theme} filled every corner of {his} mind.",
    "What {he} liked best was the hour when {sky} settled over the roofs.",
)
WISH = (
    "More than anything, {name} wished to {goal}.",
    "If anyone asked, {he} would say that the one great wish of {his} life was to {goal}.",
    '"One day," {name} told the stars, "I am going to {goal}."',
    "There was only one dream in {his} heart, and it was to {goal}.",
)
PROBLEM = (
    "{hour}, something changed, for {place} had fallen silent and nobody could say why.",
    'Then one day a letter arrived, and it held only six words, "Please come quickly to {place}."',
    "Then, under {sky}, a rider came by with news of trouble at {place}.",
    "But one evening {name} found {a_thing} on the doorstep, with a note that asked for help.",
    "The trouble began quietly, with {sound} coming from {place} when nobody was there.",
)
DECIDE = (
    '"Somebody has to go," said {name}, "and it may as well be me."',
    "{name} packed some bread, {a_thing} and a warm coat, and set out before anyone could object.",
    "It would have been easy to stay at home, yet the brave little {hero} had already opened the door.",
    '"I am only a {hero}," {he} thought, "but I know a little about {theme}, and a little is a start."',
    "So {name} {act}, and then the journey began.",
)
TRAVEL = (
    "{hour}, {name} set out for {place}.",
    "The road to {place} was longer than it looked, and it smelled of {smell}.",
    "{hour}, {name} came around a bend and saw {place} for the first time.",
    "Beyond the hill lay {place}, quiet under {sky}.",
    "It took half a day to reach {place}, and {name} sang for most of it.",
    "All paths seemed to lead to {place}, so {name} followed the widest one.",
    "{sky_cap} followed {name} all the way to {place}.",
    "A signpost with only one arm pointed toward {place}, and that settled the matter.",
    "Nobody had drawn {place} on any map, but {name} found it by following {sound}.",
    "They reached {place} with sore feet and high spirits.",
    "The last mile to {place} went by slowly, as last miles always do.",
    "{name} slept badly, rose early and was at the gates of {place} by sunrise.",
)
SIGHT = (
    "The air smelled of {smell}, and from somewhere came {sound}.",
    "Everything there was older than it seemed, and under {sky} it looked almost like a painting.",
    "There was {sound}, and after that a silence so deep that {name} could hear {his} own thoughts.",
    "Somebody had written the word welcome above the door, and somebody else had crossed it out.",
    "Pictures of {theme} covered every wall, some of them so old that the colours had gone.",
    "The floor was covered with footprints, and none of them led out again.",
    "Small lights moved in the distance, as if they were waiting for a reply.",
    "A table stood in the middle, laid for two, with {a_thing} between the plates.",
    "The windows were dusty, but one had been wiped clean that very morning.",
    "It was the kind of place where {sound} seems louder than it is.",
    "Under {sky} the whole place shone like a coin at the bottom of a well.",
    "There was a scent of {smell} in the air, which is always a good sign for {a_hero}.",
)
MEET = (
    "There {name} met {friend} named {fname}, who {fact}.",
    "On a bench sat {friend} called {fname}, who {fact} and did not seem surprised at all.",
    "Out of the shadows stepped {fname}, {friend} who carried a lamp and a great many questions.",
    "A voice said good day, and it belonged to {fname}, {friend} who {fact}.",
    "The only one awake was {fname}, {friend} who knew more about {theme} than anybody else.",
    "{name} nearly tripped over {fname}, {friend} who {fact} in the middle of the path.",
    "By the door waited {fname}, {friend} who had been expecting {a_hero} for years.",
    "It was there that {fname} appeared, {friend} who had flour on one sleeve and ink on the other.",
)
TALK = (
    '"You have come about {theme}," said {fname}, and it was not a question.',
    '"I have seen many travellers," said {fname}, "but never {a_hero} with such a look in {his} eyes."',
    '"Is it far?" asked {name}, and {fname} answered, "It is exactly as far as you are willing to walk."',
    '"Tell me what you know about {theme}," said {name}, and {fname} talked until {sky} came down.',
    '"The trick," {fname} whispered, "is to stop looking for {theme} and to start listening."',
    '"Take this {thing}," said {fname}, "for I am too old to need it and you are too young to refuse."',
    '"Are you not afraid?" asked {fname}, and {name} said, "Yes, but I am also curious."',
    '"Nobody believed me," said {fname}, "until the night when {place} began to sing."',
    '"We could try it together," said {name}, and for the first time {fname} smiled.',
    '"When I was young," {fname} began, "everyone here spoke of {theme} the way others speak of the weather."',
    '"There is a rule in {place}," {fname} explained, "and the rule is that {lesson}."',
    '"Then we have until morning," said {name}, who had never sounded so sure of anything.',
)
TROUBLE = (
    "But the way forward was blocked by a door without a handle.",
    "Just then {sky} rolled in, and in a moment the path was gone.",
    "The {thing} slipped, fell, and rolled into the dark with a sound like laughter.",
    "There was only one problem, and it was as tall as a house and did not want to move.",
    "Then the lights went out one after another, until only the eyes of the {hero} were shining.",
    "All at once the ground shook, and everything that had been left became right.",
    "Somebody had been there before them, and had taken the one thing that they needed.",
    "The bridge was broken, the boat was gone, and the river was in no mood to wait.",
    "A riddle was carved into the stone, and half of the words were missing.",
    "The keeper of {place} shook a heavy head and refused to let anybody pass.",
    "Every clue about {theme} pointed in a different direction.",
    "What had looked like a shortcut turned out to be a very long way round.",
)
TRY = (
    "{name} pushed, pulled, knocked and pleaded, and nothing happened at all.",
    "First {he} tried to climb over it, but the wall grew taller with every step.",
    "{name} held up the {thing} and hoped, but hope alone was not enough.",
    "They tried everything that {fname} could think of, and then three things that nobody should ever try.",
    "{he_cap} read the words aloud, then backwards, then with closed eyes, and still the answer stayed away.",
    "For an hour the {hero} searched the floor for a clue and found only dust.",
    "{name} asked politely, and then less politely, and then politely again.",
    "They built a ladder out of chairs, and it lasted for exactly four steps.",
    "{name} drew a plan with the {thing} in the middle, and the plan fell apart before it was dry.",
    "One attempt failed because of the wind, and the next one failed because there was no wind.",
)
THOUGHT = (
    "{name} {act}, and slowly the fear became smaller.",
    '"What would {theme} be worth," {he} wondered, "if it were easy?"',
    "For a moment {name} thought of {home} and of the smell of {smell}.",
    "It is hard to be {a_hero} when the whole world seems to hold its breath.",
    "Perhaps, {name} thought, {lesson}.",
    "{he_cap} remembered all the old stories about {theme}, and none of them had ended here.",
    "Nobody spoke for a while, and only {sound} kept them company.",
    "Something about {place} felt familiar, like a song heard through a wall.",
    "{name} {act}, because that was what {his} grandmother had always advised.",
    "The heart of {a_hero} is not large, but there is room in it for a great deal of courage.",
    "{fname} {act} and said nothing, which helped more than any advice.",
    "A tear fell on the {thing}, and {name} quickly wiped it away.",
)
IDEA = (
    "Then {name} noticed something that everyone else had missed, a tiny drawing scratched into the {thing}.",
    "And suddenly it was clear to {name} that {sound} was not a noise at all but an answer.",
    '"Wait," said {name}, "what if we have been looking at it upside down?"',
    "The answer came with the scent of {smell}, drifting through a crack in the wall.",
    "{fname} held the lamp a little lower, and in its light the {thing} threw a shadow like an arrow.",
    "The answer had been there all along, and it was so simple that {name} laughed out loud.",
    "That was when {name} understood that {lesson}.",
    '"It was never locked," said {name}, and turned the {thing} the other way.',
    "With one finger {name} traced the dust, and there it was, a map that led straight to {theme}.",
    '"If the trouble is silence," said {name}, "then perhaps the cure is a song."',
)
TURN = (
    "The {hero} counted to three, and the whole place woke up with a sigh.",
    "Slowly, very slowly, the way opened, and {sky} came pouring in.",
    "{fname} clapped, {name} bowed, and somewhere above them {sound} began.",
    "After that it took only a little patience and the {thing}, and the deed was done.",
    "What had been stuck for a hundred years moved at last, because {name} had asked in the right way.",
    "They pulled together, once, twice, and on the third try the trouble was over.",
    "Nobody in {place} could remember a better moment, and {fname} danced in both shoes.",
    'The keeper stepped aside and whispered, "I have been waiting for somebody like you."',
)
GIFT = (
    "As thanks, {fname} gave {name} a {thing}, wrapped in plain brown paper.",
    'Before they parted, {fname} said, "Remember that {lesson}."',
    "They shared a meal that tasted of {smell}, and nobody talked about the road ahead.",
    "{name} left a drawing of {theme} behind, so that {place} would not forget.",
    '"Come back when the story is finished," said {fname}, and waved until the road turned.',
    "In the book of visitors {name} wrote a single line, and it said that {lesson}.",
    "Then it was time to go, for {sky} was already gathering in the west.",
    "{name} slept like a stone that night and dreamed of {theme}.",
    "When {name} looked back, {place} was shining softly, like a lamp left on for a friend.",
)
FACE = (
    "At last {name} stood where everything had begun, and this time {he} knew what to do.",
    "{name} stepped forward, although {his} knees were shaking.",
    '"I am not afraid of you," said the {hero}, and to {his} own surprise it was true.',
    "For one long moment there was nothing but {sound}, and then {name} reached for the {thing}.",
)
BREAK = (
    "Every piece came together, the {thing}, the old song and all that {he} had learned about {theme}.",
    "Then the silence broke, and light ran over the walls like water.",
    "What everyone had feared was only something lonely that had waited for a friend.",
    "{fname} gasped, the {thing} began to glow, and the trouble was gone like a bad dream.",
)
DONE = (
    "And so it came that {name} was able to {goal}, just as {he} had always wished.",
    "And there, at the very end of the road, {name} could {goal} at last.",
)
RETURN = (
    "The way home seemed much shorter, as it always does.",
    "When {name} came home, the lamps were lit and the whole street smelled of {smell}.",
    "Everyone wanted to hear about {theme}, so the {hero} told the tale from the beginning.",
    "They cheered for the little {hero}, and {fname} cheered the loudest.",
    "The {thing} was given a place of honour above the door.",
)
END = (
    "From that day on, whenever somebody spoke of {theme}, they also spoke of {name}.",
    "And if you listen closely on a quiet night, you may still hear the {hero} laughing.",
    "And {name} knew, deep down, that {lesson}.",
    "So the {hero} lived happily, and the story of {theme} was told for many years.",
    "That night {name} fell asleep at once, and the stars kept watch until the morning.",
)
FACTS = (
    "was counting buttons", "was mending a broken lantern", "was writing a very long letter", "was peeling an apple",
    "was feeding crumbs to the birds", "was singing to a row of empty chairs", "was drawing with a burnt stick",
    "was drinking tea from a bowl", "was tuning a fiddle with two strings", "was reading a book upside down",
    "was knitting something without an end", "was sweeping the same step again", "was talking to a clock",
    "was sorting pebbles by colour",
)  # fmt: skip
#: Sentences that can be given almost any length: a beginning and one of these endings after it.
STEMS = (
    "{name} smiled", "The {hero} listened", "{name} went on", "The {hero} looked up", "{name} breathed in",
    "The {hero} waited", "{name} nodded", "The {hero} kept going",
)  # fmt: skip
TAILS = (
    "", "again", "once more", "with quiet joy", "and the world smiled", "and the evening grew warm",
    "because the road was good", "and thought about {theme} a little", "while {sky} drifted over the hills",
    "and the day felt wide and full of promise", "because there was still so much to see and to love",
    "and for a while there was nothing to do but be happy", "and somewhere far away a bell rang twice for luck "
        "and love",
)  # fmt: skip
TITLES = (
    "The {Hero} and the {Thing}", "{name} and the Secret of {Place}", "The Long Road of {name}", "A Lantern for {name}",
    "The {Hero} Who Listened", "{name} at the Edge of the World",
)  # fmt: skip
CHAPTERS = (
    "The {Thing}",
    "What {fname} Knew",
    "The Road to {Place}",
    "A Night in {Place}",
    "The Riddle",
    "{fname}",
    "Lights in the Distance",
    "The Wrong Turn",
    "The Song of {Place}",
    "A Promise",
    "The Closed Door",
    "Rain and Riddles",
)
