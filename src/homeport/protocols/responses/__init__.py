"""OpenAI's Responses API told as OpenAI chat: requests outward, answers and streams back."""
