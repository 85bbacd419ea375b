from proto import *
pb=Problem(load('h10'),60)
sga(pb,n=60,log=10)
run(sga,q=60,n=200)
