"""The trusted side: plans, keeps the clock, holds the targets, scores, stores, ranks. Never imports torch."""
