"""Anthropic's Messages and OpenAI's chat, each told in the other's words.

Source: Anthropic's API reference (Messages, Streaming Messages, Errors) and OpenAI's (Chat), as of November 2026.
"""
