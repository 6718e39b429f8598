"""The commands of ``kanal``, by what they are about; ``gateway.cli`` names them all."""
