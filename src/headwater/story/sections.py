"""The sentences of articles and guides, by section: what is true of nearly every subject, said plainly."""

from __future__ import annotations

#: ``{topic}`` is the subject, ``{setting}`` a place where people meet it. As in the tales, no sentence has an
#: apostrophe, a hyphen or a digit.
SECTIONS: dict[str, tuple[str, ...]] = {
    "Introduction": (
        "Few subjects reward a patient reader as richly as {topic}.",
        "At first sight {topic} may look simple, and at second sight it may look impossible, and both views "
        "are too hasty.",
        "This text walks through {topic} step by step, from the basic ideas to the questions that are still open.",
        "It is written for people who are curious about {topic} but have never had an hour to sit down with it.",
        "No special knowledge is needed, only the willingness to stop now and then and to think of an example.",
        "By the end you should be able to explain {topic} to a friend, and to notice what you would like to "
        "learn next.",
    ),
    "What It Means": (
        "A good definition of {topic} begins with its purpose rather than with its parts.",
        "People use the same words for {topic} and mean slightly different things, so it pays to ask what is included.",
        "In the narrow sense {topic} covers a small set of ideas that can be checked one by one.",
        "In the wider sense it touches everything that comes before and after it, and this is where confusion begins.",
        "A useful test is to ask what would be missing if {topic} did not exist.",
        "Once the borders are clear, most of the details fall into place by themselves.",
    ),
    "A Short History": (
        "Nobody invented {topic} in a single afternoon.",
        "It grew out of older habits, which were tried, copied, corrected and slowly made better.",
        "Early attempts at {topic} were often clumsy, yet they asked the right questions.",
        "Every generation kept what worked and quietly forgot the rest.",
        "Better tools changed the pace, and larger groups of people changed the direction.",
        "What we call {topic} today is therefore less a discovery than a long conversation.",
    ),
    "How It Works": (
        "The heart of {topic} is a simple loop of observing, deciding, acting and looking again.",
        "Something goes in, something is changed, and something comes out, and each of these can be studied on "
        "its own.",
        "Small causes matter here, because their effects add up over time.",
        "When one part of {topic} is pushed, the others answer, sometimes after a surprising delay.",
        "This is why people who know {topic} well tend to change only one thing at a time.",
        "A sketch on paper with boxes and arrows often explains more than a page of careful prose.",
    ),
    "The Key Ideas": (
        "The first key idea is that {topic} has a structure, and that the structure can be learned.",
        "The second is that context decides, for what works in {setting} may fail somewhere else.",
        "The third is that feedback is precious, because without it nobody can tell progress from motion.",
        "The fourth is balance, since almost every gain in {topic} has a price that is paid in another place.",
        "These ideas are easy to repeat and hard to practise, which is a fair description of most wisdom.",
        "Keep them in mind, and the rest of {topic} becomes much less mysterious.",
    ),
    "Benefits": (
        "The most visible benefit of {topic} is that it saves effort where effort used to be wasted.",
        "Less visible, but more important, is the confidence that comes with understanding.",
        "In {setting}, even a modest grasp of {topic} can turn a long problem into a short one.",
        "It also brings people together, because it gives them words for what they had only felt.",
        "Those who invest in {topic} early usually find that the returns grow quietly from year to year.",
    ),
    "Challenges": (
        "Honest writing about {topic} has to mention the difficulties too.",
        "The first obstacle is impatience, for results tend to arrive later than hoped and sooner than feared.",
        "The second is noise, since loud opinions about {topic} are easier to find than careful ones.",
        "A third challenge is cost, which includes time and attention as well as money.",
        "There are also questions to which nobody has a complete answer yet, and it is wise to say so.",
        "None of this is a reason to stop, but all of it is a reason to plan.",
    ),
    "Getting Started": (
        "The best way to begin with {topic} is to choose a goal so small that it can be reached this week.",
        "Write the goal down, together with one sign by which you will know that you have reached it.",
        "Gather only the tools that you need for this first step, and leave the others on the shelf.",
        "Set aside a regular hour for {topic}, because rhythm is worth more than enthusiasm.",
        "When you get stuck, explain the problem aloud, and half of the time the answer will come with the "
        "explanation.",
        "Then rest, look at the result with fresh eyes, and take the next small step.",
    ),
    "Common Mistakes": (
        "Beginners often try to learn all of {topic} at once, and then remember very little of it.",
        "Another mistake is to copy a solution from {setting} without asking why it worked there.",
        "Some people measure what is easy to measure and forget what they wanted to know.",
        "Others wait for perfect conditions, which is a polite way of never starting.",
        "The kindest cure for all of these is a short review at the end of every week.",
    ),
    "An Example": (
        "Imagine a small team in {setting} that meets {topic} for the first time.",
        "They begin with a question on the wall and a promise to keep the first attempt simple.",
        "On the first day everything seems to go wrong, and on the second day they understand why.",
        "By the third day they have something that works, although it is neither quick nor pretty.",
        "A week later they have improved it twice, and a newcomer can explain it to a visitor.",
        "Nothing in this example is spectacular, and that is exactly why it can be repeated.",
    ),
    "Questions of Fairness": (
        "Whenever {topic} changes who can do what, it also raises questions of fairness.",
        "Who benefits, who pays, and who was never asked are questions that belong at the beginning.",
        "Openness helps, because people forgive honest errors more easily than hidden ones.",
        "It is also worth asking what should stay as it is, for not everything that can be changed should be.",
        "A good rule is to treat the people affected by {topic} as partners rather than as an audience.",
    ),
    "Looking Ahead": (
        "Predictions about {topic} have a way of looking foolish after ten years, so modesty is in order.",
        "Still, some trends are clear enough to plan with.",
        "The tools will become simpler, and the questions will become more interesting.",
        "More people will meet {topic} in ordinary places, without knowing its name.",
        "What remains scarce is judgement, and judgement grows only with practice.",
    ),
}
#: How the subject looks from a place: used again and again in long texts, each time from another place.
VIEWS = (
    "Seen from {setting}, {topic} looks rather different.",
    "People in {setting} rarely speak of {topic} in the abstract, for they meet it before breakfast.",
    "Someone who works in {setting} will ask first what {topic} costs and second what it saves.",
    "There is an old habit in {setting} of trying new things on a quiet day, and it serves {topic} well.",
    "The people of {setting} have learned to keep notes, since memory is kinder than the facts.",
    "What surprised the visitors to {setting} most was how little equipment was needed.",
    "A mistake made in {setting} last year became the best lesson that anybody there had about {topic}.",
    "The young people of {setting} learn {topic} by doing, and the older ones learn it by watching the young.",
    "When the day ends in {setting}, one question remains on the table, and it is usually the right one.",
    "If {topic} can be explained in {setting}, it can probably be explained anywhere.",
    "For {setting}, the value of {topic} lies less in speed than in fewer surprises.",
    "It would be easy to romanticise {setting}, but its people are practical about {topic}.",
    "The lesson from {setting} is that trust has to come before {topic}, not after it.",
    "In {setting} they say that a plan is only a polite guess, and that {topic} is how one checks it.",
)
SETTINGS = (
    "a busy workshop",
    "a village school",
    "a hospital at night",
    "a family kitchen",
    "a research laboratory",
    "a small company",
    "a public library",
    "a theatre before the premiere",
    "a farm in spring",
    "a railway control room",
    "a fishing harbour",
    "a newsroom",
    "a university seminar",
    "a community garden",
    "a city council",
    "a repair shop",
    "an observatory on a hill",
    "a bakery before dawn",
    "a football club",
    "a museum of everyday things",
    "a mountain hut",
    "a design studio",
    "a weather station",
    "a choir rehearsal",
)
CONCLUSION = (
    "To sum up, {topic} is neither magic nor a mere trick, but a craft that can be learned.",
    "Its ideas are few, its practice is long, and its rewards arrive quietly.",
    "If you remember only one thing, remember to begin small and to look closely at what happens.",
    "The rest of {topic} will come to you in time.",
)
#: Sentences of almost any length, to end a text on exactly the number of words that was asked for.
STEMS = (
    "Practice helps",
    "Questions help",
    "Time helps",
    "Curiosity helps",
    "Good notes help",
    "Friends help",
    "Patience helps",
)
TAILS = (
    "", "too", "as well", "more than talent", "on almost every day", "when the way seems long",
    "more often than one might think", "whenever the next step is not yet clear", "because small steps add up "
        "to a long way",
    "and it is a pleasure to share what was learned", "and nobody has to understand the whole of it at once",
    "as long as there is room for doubt and for a little play", "in the long run even more than it does at the "
        "very beginning",
)  # fmt: skip
EXPLAIN = (
    "In short, {topic} is easiest to understand by looking at what goes in, what changes and what comes out.",
    "A good way to think about {topic} is to start with one concrete example and to ask what would happen without it.",
    "There are usually three sides to {topic}, namely what it is made of, how its parts work together, and "
    "what it is good for.",
    "The parts of {topic} matter less than the way in which they are connected, and this is what most "
    "explanations leave out.",
    "If you want to go deeper, write down what you already know about {topic}, mark what you are unsure of, "
    "and check that first.",
    "It also helps to compare {topic} with something familiar, and to notice exactly where the comparison breaks.",
    "Many people find {topic} confusing at first, because the common words for it are used in more than one sense.",
    "Experts on {topic} disagree about details, but they agree that clear questions come before clever answers.",
)
