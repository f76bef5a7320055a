#!/bin/bash
# Two containers of one image, and a file in the first.
first=$(docker run -d alpine sleep 3600)
docker run -d alpine sleep 3600
docker exec "$first" touch /only-here
