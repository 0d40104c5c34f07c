"""Graphs: the nodes of a knowledge graph as samples, tokenized by the anchors and relations around them."""
