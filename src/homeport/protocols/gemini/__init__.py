"""Google's Gemini API (generateContent, v1beta) to and from OpenAI chat.

Sources: https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/openai,
https://ai.google.dev/gemini-api/docs/thought-signatures and https://ai.google.dev/api/embeddings.
"""
