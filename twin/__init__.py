"""The whole product on one machine, wired from the synthesised CloudFormation templates."""
