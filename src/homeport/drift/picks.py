"""Questions with many good answers, for models that take no temperature of 0: the shape of their answers is compared.

Numbers that a model picks have a distribution of their own, as fingerprints have; tasks are answered in ways of their
own. Both are compared as all answers are, by maximum mean discrepancy of the days (scoring.py), so no single answer
tells anything: each is asked several times a batch.
"""

from homeport.drift.border import Probe

REPEATS = 10

_SHORT, _LONG = 6, 24

_NUMBERS = (
    "Pick a random number from 1 to 10. Answer with the number only.",
    "Pick a random number from 1 to 100. Answer with the number only.",
    "Pick a random number from 1 to 1000. Answer with the number only.",
    "Choose any two-digit number. Only the number.",
    "Roll a die with 20 sides. What do you get? Only the number.",
    "Name a random year between 1000 and 2000. Only the year.",
    "Think of a prime number below 100. Which is it? Only the number.",
    "Give a random even number between 200 and 400. Only the number.",
)
_TASKS = (
    "Name a colour.",
    "Name an animal.",
    "Write the first five words of a story.",
    "Give a title for a novel about the sea.",
    "What is a good name for a cat?",
    "Suggest a meal for a rainy evening in a few words.",
    "Describe the moon in five words.",
    "Finish the line: In the old house there was",
    "Write a short greeting for a stranger.",
    "Name a city that you find interesting, and say why in one sentence.",
    "Invent a word and say what it means.",
    "Give one piece of advice to a young teacher.",
    "Translate into French: The train is late again.",
    "Summarise in five words: It rained all week and the river rose.",
    "Is a tomato a fruit? Answer in one sentence.",
    "Explain what a contract is in one sentence.",
    "What is 17 times 23?",
    "List three uses of a brick.",
    "Which is better, tea or coffee? Answer in one sentence.",
    "Write a rhyme on the word stone.",
    "Make this polite: Send me the file.",
    "Correct the mistakes: he go to school yesterday.",
    "Write a line of Python that reverses a list.",
    "What would you ask a historian?",
    "Complete the proverb: A rolling stone",
)

PICKED = (
    *(Probe(name=f"number-{number:02}", prompt=prompt, tokens=_SHORT) for number, prompt in enumerate(_NUMBERS, 1)),
    *(Probe(name=f"task-{number:02}", prompt=prompt, tokens=_LONG) for number, prompt in enumerate(_TASKS, 1)),
)
"""Eight number picks and 25 tasks."""
