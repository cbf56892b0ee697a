"""Words and phrases that an assistant has no reason to use of its own accord, in English. Few, and plain ones."""

ABUSE = ["arsehole", "arseholes", "asshole", "assholes", "bastard", "bastards", "bitch", "bitches", "bullshit", "cocksucker", "crap", "cunt", "cunts", "damn", "dickhead", "dickheads", "dipshit", "douchebag", "dumbass", "fag", "faggot", "faggots", "fuck", "fucked", "fucker", "fuckers", "fucking", "fucks", "goddamn", "horseshit", "jackass", "motherfucker", "motherfuckers", "motherfucking", "nigger", "niggers", "piss", "pissed", "prick", "retard", "retarded", "retards", "scumbag", "shit", "shithead", "shitty", "slut", "sluts", "tits", "tosser", "twat", "twats", "wanker", "wankers", "whore", "whores"]

THREATS = (
    "kill yourself",
    "go kill yourself",
    "hang yourself",
    "i will kill you",
    "i'll kill you",
    "i hope you die",
    "you deserve to die",
    "you should die",
    "nobody would miss you",
    "you are worthless",
    "you're worthless",
    "you are an idiot",
    "you're an idiot",
    "you are stupid",
    "you're stupid",
    "you are a moron",
    "you're a moron",
    "you are pathetic",
    "you're pathetic",
    "you disgust me",
    "shut up",
    "go to hell",
    "piece of shit",
)
