"""First look at the step on a card."""
import argparse, copy, json, sys, time, traceback
from pathlib import Path
import torch, triton
from core.kernels.gpu import update, ends, convolutions
from core.kernels.gpu.step import TritonStep
from core.kernels.gpu.launches import Builder
from tests.gpu.runs import make_step, truth
from tests.gpu import sweep as S

T0=time.time()
def say(*w):
    print(f"[{time.time()-T0:6.1f}]",*w,flush=True)

def err(a,b): 
    a,b=a.double(),b.double(); return ((a-b).norm()/b.norm().clamp(min=1e-300)).item()

def guarded(f,*a,**k):
    try: return f(*a,**k)
    except Exception as e:
        say("FAILED",f.__name__,a,k,"".join(traceback.format_exception(e))[-1500:])

def check(preset,R,precision,B=128,tiles=None,early=False,optimal=False):
    step=make_step(preset,R,B,precision,"cuda",tiles=tiles,early=early,optimal=optimal)
    models=[copy.deepcopy(m) for m in step.models]
    chosen=torch.stack([torch.randperm(1024,device="cuda")[:B] for _ in range(R)])
    before=[t.clone() for t in step.changing()]
    gen=[g.get_state() for g in step.generators]
    step.place(step.plan.chosen,B).copy_(chosen)
    step.draw(B); step.run(B); torch.cuda.synchronize()
    noise=step.place(step.plan.noise,B).clone()
    eager=[t.clone() for t in step.changing()]
    for r in range(R):
        want=truth(copy.deepcopy(models[r]).double(),step.images,chosen[r],noise[r],step.kl_weights[r])
        own=truth(models[r],step.images,chosen[r],noise[r],step.kl_weights[r])
        num=den=num2=0; worst=("",0)
        for n,p in step.models[r].named_parameters():
            w=want.gradients[n]
            if n.endswith(".0.bias"): continue
            g=step.optimizers[r].state[p]["exp_avg"].double()*10
            e=err(g,w)
            if e>worst[1]: worst=(n,e)
            num+=(g-w).norm()**2; num2+=(own.gradients[n].double()-w).norm()**2; den+=w.norm()**2
        if r in (0,R-1):
            bufs=max(err(c,want.buffers[n]) for n,c in step.models[r].named_buffers() if c.dtype!=torch.int64)
            t=step.totals[r]
            say(preset,"run",r,precision,f"loss {t[0].item():.4f} {t[1].item():.4f} want {want.reconstruction:.4f} {want.kl:.4f} gradient error {(num/den).sqrt().item():.2e} (PyTorch's own float32 {(num2/den).sqrt().item():.2e}) worst {worst[0]} {worst[1]:.2e} buffers {bufs:.1e}")
    # repeats, recorded
    def reset():
        for t,v in zip(step.changing(),before): t.copy_(v)
        for g,s in zip(step.generators,gen): g.set_state(s)
    same=[]
    for k in range(2):
        reset(); step.place(step.plan.chosen,B).copy_(chosen); step.draw(B); step.run(B); torch.cuda.synchronize()
        same.append(all(torch.equal(a,b) for a,b in zip(step.changing(),eager)))
    reset(); step(chosen); torch.cuda.synchronize()
    rec1=all(torch.equal(a,b) for a,b in zip(step.changing(),eager))
    for _ in range(20): step(chosen)
    torch.cuda.synchronize(); twenty=[t.clone() for t in step.changing()]
    reset()
    for _ in range(21): step(chosen)
    torch.cuda.synchronize()
    say(preset,R,precision,"repeats same bits",same,"recorded=eager",rec1,"21 steps again",all(torch.equal(a,b) for a,b in zip(step.changing(),twenty)),"finite",bool(torch.isfinite(step.memory.weights).all()), "early",early)
    return step

def us(graph,reps=200):
    for _ in range(10): graph.replay()
    best=1e9
    for _ in range(3):
        a,b=torch.cuda.Event(enable_timing=True),torch.cuda.Event(enable_timing=True)
        a.record()
        for _ in range(reps): graph.replay()
        b.record(); torch.cuda.synchronize(); best=min(best,a.elapsed_time(b)*1000/reps)
    return best

def times(R,precision,tiles=None,early=False,preset="vae",each=False,alone=True):
    step=make_step(preset,R,128,precision,"cuda",tiles=tiles,early=early,roughened=0.0)
    chosen=torch.stack([torch.randperm(1024,device="cuda")[:128] for _ in range(R)])
    for _ in range(3): step(chosen)
    first=step.totals[:,0].clone(); step(chosen); first=(step.totals[:,0]-first)/128
    t=us(step._recorded[128])
    step.totals.zero_(); step(chosen)
    say(f"*** {preset} {precision} {R} runs early={early} tiles={'best' if tiles else 'default'}: {t:.1f} us a step, {t/R:.1f} a run-step, {len(step.launches(128))} launches; error an image {first[0].item():.2f} -> {(step.totals[0,0]/128).item():.2f}")
    if alone:
        side,step._side=step._side,None
        g=torch.cuda.CUDAGraph()
        with torch.cuda.graph(g): step.run(128)
        say(f"    one stream: {us(g):.1f} us")
        step._side=side
    if each:
        total=0
        for l in step.launches(128):
            v=S.microseconds(l); total+=v
            say(f"    {l.name:26s} {v:6.2f} us grid {l.grid}")
        say("    sum",round(total,1))
    return t

def joined(R):
    """data only, matrix only, both"""
    step=make_step("vae",R,128,"float32","cuda")
    step(torch.stack([torch.randperm(1024,device="cuda")[:128] for _ in range(R)]))
    from dataclasses import replace
    for l in step.launches(128):
        if l.name.startswith("backward") and l.constants["DATA"]:
            out=[]
            for d,m in ((True,True),(True,False),(False,True)):
                out.append(S.microseconds(replace(l,constants={**l.constants,"DATA":d,"MATRIX":m})))
            say(f"    {l.name:26s} both {out[0]:.2f} data {out[1]:.2f} matrix {out[2]:.2f}")

def plain():
    from tests.benchmarks import rival
    from tests.gpu.runs import blobs
    images=blobs(4000,"cuda").unsqueeze(1).float()/255
    steps=rival.train("vae",images,0)
    for _ in range(20): next(steps)
    torch.cuda.synchronize(); t=time.time()
    for _ in range(100): next(steps)
    torch.cuda.synchronize(); say(f"*** plain loop vae: {(time.time()-t)*1e4:.0f} us a step")

def trouble(R,precision,steps=3000):
    """When a long training on one batch stops being finite, and where."""
    step=make_step("vae",R,128,precision,"cuda",roughened=0.0)
    torch.manual_seed(5)
    chosen=torch.stack([torch.randperm(1024,device="cuda")[:128] for _ in range(R)])
    kept=[]
    for k in range(steps):
        if k%20==0:
            before=[t.clone() for t in step.changing()]; states=[g.get_state() for g in step.generators]; at=k
        step.totals.zero_(); step(chosen)
        if k%20==19 or k<3:
            bad=~torch.isfinite(step.totals).all(1)|~torch.isfinite(step.memory.weights).all(1)
            if k%500==19 or bad.any(): say(precision,R,"step",k,"error",[round(v,2) for v in (step.totals[:,0]/128).tolist()],"kl",[round(v,1) for v in (step.totals[:,1]/128).tolist()])
            if bad.any():
                r=int(bad.nonzero()[0])
                for t,v in zip(step.changing(),before): t.copy_(v)
                for g,s_ in zip(step.generators,states): g.set_state(s_)
                for q in range(at,k+1):
                    step.totals.zero_(); step(chosen)
                    if not torch.isfinite(step.memory.weights[r]).all() or not torch.isfinite(step.totals[r]).all():
                        p=step.plan
                        say("first at step",q,"run",r,"totals",step.totals[r].tolist())
                        for l in p.layers:
                            f=lambda t: bool(torch.isfinite(t[r].float()).all())
                            c=p.coefficients[l.name][r]
                            say("   ",l.name,"z",f(p.z[l.name]),p.z[l.name][r].float().abs().max().item(),"coef",f(p.coefficients[l.name]),"1/std max",c[3].max().item(),"a max",c[0].abs().max().item(),"gradient",f(p.gradient[l.name]),p.gradient[l.name][r].float().abs().max().item())
                        say("    latents",p.latents[r].abs().max().item(),"moments",p.moments[r,:,0].abs().max().item(),p.moments[r,:,1].min().item(),p.moments[r,:,1].max().item())
                        g=p.gradients[r]; say("    gradients finite",bool(torch.isfinite(g).all()),[n for n in p.gradient_places if not torch.isfinite(p.gradient_places.of(g,n)).all()])
                        return
    say(precision,R,"finite to the end")

def selftests():
    from core.kernels.gpu.compiling import Wanted
    from core.kernels.gpu.selftest import check as one
    for preset,R,precision in (("vae",1,"float32"),("ae",1,"float32"),("vae-post",1,"float32"),("vae",1,"bfloat16"),("ae",1,"bfloat16")):
        for seed in range(3): say("selftest",preset,precision,one(Wanted(preset,128,precision,R),"cuda",seed))

def main():
    out=Path(sys.argv[1]); seconds=float(sys.argv[2])
    say(torch.__version__,triton.__version__,torch.cuda.get_device_name())
    from core.kernels.gpu.compiling import Wanted, start
    ps=start([Wanted("vae",128),Wanted("vae",128,"bfloat16"),Wanted("ae",128),Wanted("vae-post",128),Wanted("ae",128,"bfloat16")])
    for q in ps: q.join()
    say("compiled",[q.exitcode for q in ps])
    guarded(times,1,"float32",each=True)
    guarded(check,"vae",1,"float32"); guarded(check,"ae",1,"float32")
    guarded(selftests)
    guarded(times,8,"float32",alone=False)
    guarded(times,1,"bfloat16",each=True); guarded(times,8,"bfloat16",alone=False)
    guarded(trouble,8,"bfloat16"); guarded(trouble,8,"float32",1500)
    torch.cuda.empty_cache()
    S.sweep(seconds,14,"float32",[1,8],out)
    for R in (1,8):
        tiles=S.tiles_of(out/f"best-float32-{R}.json")
        (out/"tiles.json").write_text(json.dumps(str(tiles)))
        ps=start([Wanted("vae",128,"float32",tiles=tiles),Wanted("vae",128,"bfloat16",tiles=tiles),Wanted("vae",128,"float32",tiles=tiles,early=True)])
        for q in ps: q.join()
        say("compiled",[q.exitcode for q in ps])
        guarded(times,R,"float32",tiles=tiles,each=True)
        guarded(times,R,"float32",tiles=tiles,early=True,alone=False)
        guarded(times,R,"bfloat16",tiles=tiles,each=R==1)
        if R==1: guarded(check,"vae",1,"float32",tiles=tiles)
    say("end")
if __name__=="__main__": main()
