"""Benchmarks: how fast the engines synthesize, what a start costs, and how whole books scale.

    systems, bench_models    what is measured, and with which model, voice and exported model
    matrix                   what the profiles measure
    adapters                 one system in a process of its own: the child of `measure`
    measure                  warm systems in turns, and one fresh process after another
    books                    whole books by Snakemake: jobs, length, memory, and where the time goes
    environment              the machine, and whether it was busy
    results                  all measurements of a report as tables, and figures computed from them
    report, plots            the tables of the report and of the docs, its pages, and the pictures
    gate                     one text against a limit, for CI

Raw measurements are kept, in seconds; every median and ratio is computed from them when a report is made.
"""
