/// The F# of the documentation's pages, which a test compares with them; running it prints what each gives.
module Program

[<EntryPoint>]
let main _ =
    ReadmePage.show ()
    MathematicsPages.finiteProcesses ()
    MathematicsPages.bellman ()
    MathematicsPages.returns ()
    MathematicsPages.corrections ()
    MathematicsPages.distributions ()
    MathematicsPages.exploration ()
    MathematicsPages.policyGradients ()
    MathematicsPages.valueLearning ()
    MathematicsPages.valueDistributions ()
    MathematicsPages.wrappers ()
    MathematicsPages.imitation ()
    ReplayPage.show ()
    PlanningPage.show ()
    PluginsPage.show ()
    0
