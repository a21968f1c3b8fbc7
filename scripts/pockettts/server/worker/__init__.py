"""One worker: a process with a warm engine that speaks one request at a time.

process     in the server: the handle of the process
messages    what both send through the pipes
loop        in the process: messages in, messages out
speaker     in the process: from a request to samples
"""
