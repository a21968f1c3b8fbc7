"""Measuring: how fast the engines speak, what starting them costs, how a whole book scales, and what others need.

    contenders, subjects     who speaks; with which model, voice and exported model
    matrix                   what the profiles measure
    speakers                 one contender in a process of its own: the child of `measure`
    measure, cold            warm contenders in turns; one fresh process after another
    books                    whole books by Snakemake: jobs, length, memory, and where the time goes
    environment              the machine, and whether it was busy
    results, baseline        what parts say together, as figures; compared with figures of before
    report, plots, docs      the pages, the pictures, and the tables of README and docs
    gate, goals              one text against a limit; what engine onnx is to reach

What is measured is kept as it was measured, in seconds and samples; medians and ratios are made of it on reading.
"""
