import os, random, time, collections, sys, pickle
import pytest
from django.db import connections, transaction
from hypothesis import given, settings, HealthCheck, Phase, seed
from tests.exercise import exercise
from tests.strategies import states, pairs
from tests.test_soundness import emptied, found, CAUTIOUS
from tests.vocabulary import described
N=int(os.environ.get("N","100")); SEED=int(os.environ.get("SEED","1")); LAW=os.environ.get("LAW","sound")
def test_dev(databases, database):
    vendor=connections[database].vendor
    groups=collections.defaultdict(list); n=collections.Counter(); t0=time.time()
    @seed(SEED)
    @given(pairs(vendor))
    @settings(max_examples=N, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None)
    def law(pair):
        for code, other in (pair, pair[::-1]):
            problems=found(code, other)
            if LAW in("own",): code=other; problems=[]
            try:
              with emptied(databases, database):
                if not problems and LAW in ("sound","own"):
                    n["sound"]+=1
                    for f in exercise(code, other, database):
                        groups[(f.action.split()[0],type(f.error).__name__, str(f.error).split("\n")[0][:60])].append((f, code, other))
                elif LAW=="complete" and {p.rule for p in problems}-CAUTIOUS:
                    n["complete"]+=1
                    if not next(exercise(code, other, database),None):
                        groups[tuple(sorted({(p.rule) for p in problems}))].append((problems, code, other))
            except Exception as e:
                groups["CRASH "+repr(e)[:100]].append((e, code, other))
    law()
    print(n, round(time.time()-t0,1))
    seen=set()
    for k,v in sorted(groups.items(), key=lambda kv:str(kv[0])):
        print("=====",k,len(v)); 
        f,c,d=min(v,key=lambda x:len(described(x[1]))+len(described(x[2])))
        key=(id(c),id(d))
        print(f)
        if key in seen: print("same pair"); continue
        seen.add(key)
        a,b=described(c).split("\n"),described(d).split("\n")
        import difflib
        print("CODE\n"+described(c)); print("DIFF code->db\n"+"\n".join(l for l in difflib.unified_diff(a,b,lineterm="",n=1)))
