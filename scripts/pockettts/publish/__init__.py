"""From a finished recording to what is handed out: cues, tags, captions, EPUB with sound, a folder for a library.

Above `audio` and `text`; a rule of rules/publish.smk for each. `cues` says once what is shown when, `tags` what the
book is called, and every format is made of these two.
"""
