/// The registry's entries of arms with goals.
namespace Rl.Core.Environments.Robots

open Rl.Core.Environments

[<RequireQualifiedAccess>]
module internal GoalReachingEntries =

    let private entry
        (settings: TaskSettings)
        (tolerance: float)
        (summary: string)
        (task: GoalReachingOptions -> RobotTask)
        : RegistryEntry =
        {
            Id = settings.Id
            Summary = summary
            Keywords =
                [
                    Keyword.text
                        "reward"
                        "sparse"
                        [ "sparse"; "dense" ]
                        "whether a step pays 0 at the goal and -1 elsewhere, or minus the distance in m"
                    Keyword.number "tolerance" tolerance "how near to the goal counts as reached, m"
                ]
            Create =
                fun values ->
                    RobotEnvironment.create (
                        task
                            {
                                Settings = settings
                                IsDense = Keyword.textOf values "reward" = "dense"
                                Tolerance = Keyword.numberOf values "tolerance"
                            }
                    )
        }

    let private armReach =
        entry
            (RunnerEntries.settings "ArmReach-v0" "arm" 10 50 nan View.Oblique 1.5 0)
            0.05
            "Bring the hand of an arm with four joints to a goal in space and keep it there."
            (fun options -> ArmReachTask options)

    let private reacherGoal =
        entry
            (RunnerEntries.settings "ReacherGoal-v0" "reacher" 2 50 nan View.Above 0.9 0)
            0.02
            "Bring the fingertip of Reacher's arm to a goal and keep it there."
            (fun options -> ReacherGoalTask options)

    /// Every environment of this family.
    let all: RegistryEntry list = [ armReach; reacherGoal ]
