"""The command line: one file per noun; a verb reads settings, calls a room, and says what came back in a table or as JSON.

Not here: any computation worth testing on its own. Rooms are imported inside the verbs, so that `fxgpt --help` answers at once.
"""
