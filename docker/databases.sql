-- a database per bot; PostgreSQL's image runs this once, when it makes its volume
create database first;
create database second;
