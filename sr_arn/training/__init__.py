"""From folders of pictures to an up-scaler."""
