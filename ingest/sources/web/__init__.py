"""Reading a website: connections, robots.txt, sitemaps, pages, and the way from one to the next."""
