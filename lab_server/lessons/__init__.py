"""What is taught, as data: docs/ and labs/ in, one frozen catalogue and the page's HTML out.

Imports nothing of ours but `lab_server.errors`. Knows neither HTTP nor sandboxes.

    fences.py    where the fenced blocks of a page are, and what their headers say
    blocks.py    a live block's text → steps
    matching.py  expected output against actual output
    quizzes.py   a question list → quiz; grading
    drawings.py  do the boxes of a drawing line up
    page.py      one Markdown page → title, facts, blocks, quizzes
    labfile.py   one lab.yml → sessions, limits, needs
    catalog.py   everything together, refused with file and line when wrong
    markdown.py  the Python-Markdown extension that writes live blocks and quizzes into the page
"""
