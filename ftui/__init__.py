"""ftui: from a file of labelled text to a fine-tuned, evaluated and served transformer, in the browser.

The house has floors, and imports go down only (tests/test_house.py reads them):

    ui  >  jobs, serve  >  training, evaluation, artifacts  >  tasks, data  >  core

The process that draws the page never imports torch; models live in processes of their own (ftui.jobs).
What ties the floors together is the home directory (ftui.core.home) and the recipe (ftui.core.recipe).
"""

__version__ = "0.1.0"
