#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# agg.sh FILE KEY...   median (min-max) of each KEY over all lines with equal name, size, conc
f=$1; shift
awk -v keys="$*" '
function med(s,  a,n,i,j,t){n=split(s,a," ");for(i=2;i<=n;i++){t=a[i]+0;for(j=i-1;j>0&&a[j]+0>t;j--)a[j+1]=a[j];a[j+1]=t};lo=a[1];hi=a[n];cnt=n;return a[int((n+1)/2)]}
function fmt(x){return x>=100?sprintf("%.0f",x):x>=10?sprintf("%.1f",x):sprintf("%.2f",x)}
{ delete v; for(i=2;i<=NF;i++){split($i,p,"=");v[p[1]]=p[2]}
  if(v["INCOMPLETE"]) next; id=$1 " size=" v["size"] " C=" v["conc"] (v["conns"]&&!("size" in v)?" conns=" v["conns"]:""); if(!(id in seen)){seen[id]=1;ord[++no]=id}
  nk=split(keys,K," ");for(i=1;i<=nk;i++) if(K[i] in v) d[id,K[i]]=d[id,K[i]] " " v[K[i]]; if($0~/INCOMPLETE/)inc[id]++ }
END{nk=split(keys,K," ");for(o=1;o<=no;o++){id=ord[o];line=id;for(i=1;i<=nk;i++) if((id,K[i]) in d){m=med(d[id,K[i]]);line=line sprintf("  %s=%s (%s-%s)",K[i],fmt(m),fmt(lo),fmt(hi))} print line "  runs=" cnt (inc[id]?" INCOMPLETE=" inc[id]:"")}}' $f
