"""What each sound is heard as by the recogniser (``heard``), and which speech patterns help a detector
(``patterns``)."""
