"""The bare registry behind the ECR stand-in, the images made for it, and containerd's way to it."""
