#!/bin/bash
# In the foreground: `docker run` waits for the end. Its own exit status is the container's, 3.
docker run --name errand alpine sh -c 'echo "nothing to deliver"; exit 3'
[[ $(docker inspect -f '{{.State.ExitCode}}' errand) == 3 ]]
