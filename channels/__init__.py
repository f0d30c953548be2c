"""Channels: a provider's payload to one InboundMessage and back. One package per channel."""
