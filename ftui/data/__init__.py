"""The data floor: intake, inspection, splitting, and preparing what a training reads. No torch, no gradio.

- encodings: which encoding a text file has, decided on the whole file
- delimited: CSV and its kin to records
- grids: records and sheets to Arrow batches
- objects: JSON and JSON lines to Arrow batches
- values: single values as text and as typed arrays
- reading: a file of any format to batches
- hub: a Hub data set to batches
- intake: both into the home directory
- roles: which column the names suggest as text and label
- inspecting: what a page shows of a table, and what its columns seem to be
- report, report_texts: what is odd about the rows; patterns, mojibake, similar: how it is found
- rewriting: steps on one text, and where its spans go; cleaning: all steps on a table
- splitting: train, validation, test; at random, by group, by date, in folds
- versions: which runs use a data set
- preparing: a recipe's data to the tables that a training reads
"""
