int cresources_placeholder;
