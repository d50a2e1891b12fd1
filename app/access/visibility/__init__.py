"""What is seen by whom: audiences, the embargo, and what is hidden or held back."""
