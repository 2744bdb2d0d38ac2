"""`python -m core.classifier --data-dir DIR` trains the digit classifier that ships."""

from core.evaluation.classifier_training import main

if __name__ == "__main__":
    main()
