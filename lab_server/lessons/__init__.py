"""What is taught, as data: docs/ and labs/ in, one frozen catalogue and the page's HTML out.

Imports nothing of ours but `lab_server.errors`. Knows neither HTTP nor sandboxes.

    fences.py    where the fenced blocks of a page are, and what their headers say
    blocks.py    a live block's text → steps
    matching.py  expected output against actual output
    quizzes.py   a question list → quiz; grading
    predictions.py  what is asked before a step runs; grading
    tasks.py     where tasks stand in a page, what scripts must look like; taskfiles.py their folders, taskpage.py their HTML
    checks.py    scripts of tasks → a program for one run in a sandbox, and what it told
    drawings.py  do the boxes of a drawing line up
    page.py      one Markdown page → title, facts, blocks, quizzes, tasks
    labfile.py   one lab.yml → sessions, limits, needs, tasks
    catalog.py   everything together, refused with file and line when wrong
    markdown.py  the Python-Markdown extension that writes live blocks, quizzes and tasks into the page
"""
